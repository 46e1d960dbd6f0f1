# tests of protocol/wire
