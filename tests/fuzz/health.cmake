holdfast_fuzz(peer_frame SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_peer_frame.c DEPENDS health)
holdfast_fuzz(check_spec SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_check_spec.c DEPENDS health)
