holdfast_fuzz(peer_frame SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_peer_frame.c DEPENDS health)
