# aarch64: 64-bit ARM with Debian's arm64 packages (Raspberry Pi 3 and later with a 64-bit system, and servers).
set(HOLDFAST_ARCH arm64)
set(HOLDFAST_TRIPLET aarch64-linux-gnu)
set(HOLDFAST_PROCESSOR aarch64)
set(HOLDFAST_QEMU qemu-aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
