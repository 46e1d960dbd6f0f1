# tests of protocol/net
