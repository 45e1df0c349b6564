add_executable(bench_net ${CMAKE_SOURCE_DIR}/tests/bench/bench_net.c ${CMAKE_SOURCE_DIR}/tests/tools/testcerts.c)
target_link_libraries(bench_net PRIVATE holdfast_net holdfast::tls)
