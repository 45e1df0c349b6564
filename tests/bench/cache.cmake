add_executable(bench_cache ${CMAKE_SOURCE_DIR}/tests/bench/bench_cache.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c)
target_link_libraries(bench_cache PRIVATE holdfast_auth holdfast_cache)
