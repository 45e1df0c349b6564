add_executable(bench_health bench_health.c ${CMAKE_SOURCE_DIR}/tests/sim/region.c ${CMAKE_SOURCE_DIR}/tests/sim/simulator.c)
target_link_libraries(bench_health PRIVATE holdfast_healthcheck)
