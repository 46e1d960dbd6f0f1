# tests of protocol/daemon
