holdfast_fuzz(pod_spec SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_pod_spec.c DEPENDS pods)
holdfast_fuzz(cri SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_cri.c DEPENDS pods)
