# tests of protocol/client
