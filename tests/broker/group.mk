# tests of broker/group
