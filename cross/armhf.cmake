# armhf: 32-bit ARMv7 with hardware floating point, with Debian's armhf packages (Raspberry Pi 2 and later, most small boards).
set(HOLDFAST_ARCH armhf)
set(HOLDFAST_TRIPLET arm-linux-gnueabihf)
set(HOLDFAST_PROCESSOR armv7l)
set(HOLDFAST_QEMU qemu-arm)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
