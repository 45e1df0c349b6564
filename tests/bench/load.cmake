# Load generators, driven by bench_cloud.py and bench_latency.py.
add_library(bench_load STATIC ${CMAKE_SOURCE_DIR}/tests/bench/load.c ${CMAKE_SOURCE_DIR}/tests/bench/flow.c)
target_link_libraries(bench_load PUBLIC holdfast_net holdfast_base)
add_executable(load_api ${CMAKE_SOURCE_DIR}/tests/bench/load_api.c)
target_link_libraries(load_api PRIVATE bench_load)
add_executable(load_edges ${CMAKE_SOURCE_DIR}/tests/bench/load_edges.c)
target_link_libraries(load_edges PRIVATE bench_load holdfast_tunnel holdfast_auth)
add_executable(load_boot ${CMAKE_SOURCE_DIR}/tests/bench/load_boot.c)
target_link_libraries(load_boot PRIVATE bench_load)
