# tests of broker/storage
