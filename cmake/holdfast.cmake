# How Holdfast is put together: one helper per kind of target, so that the calls of
# holdfast_module are the architecture, floor by floor.

option(HOLDFAST_WERROR "Treat warnings as errors" OFF)
option(HOLDFAST_FUZZ "Build fuzz targets with libFuzzer instead of the corpus replayer" OFF)
option(HOLDFAST_MINIMAL "One static edge-hub for small devices, without the larger features unless they are asked for" OFF)
if(HOLDFAST_MINIMAL)
  set(wanted_by_default OFF)
else()
  set(wanted_by_default ON)
endif()
option(HOLDFAST_MANUAL "Manual pages and completion, printed by the programs" ${wanted_by_default})
option(HOLDFAST_OPENAPI "OpenAPI documents on the API (kubectl explain and validation)" ${wanted_by_default})
option(HOLDFAST_COVERAGE "Instrument for gcov" OFF)
set(HOLDFAST_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(HOLDFAST_MINIMAL)
  set(CMAKE_C_FLAGS_RELEASE "-Os -g1")
else()
  set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wvla -Wno-unused-parameter -fno-common -fstack-protector-strong -ffunction-sections -fdata-sections)
# Fixed-size texts are cut on purpose.
add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
add_link_options(-Wl,--gc-sections -Wl,--as-needed)
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 _TIME_BITS=64 HOLDFAST_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fPIE)
  add_link_options(-Wl,-z,relro,-z,now)
  if(HOLDFAST_MINIMAL)
    # Its place in memory is still random where the C library has what it takes (not on armhf).
    execute_process(COMMAND ${CMAKE_C_COMPILER} --sysroot=${CMAKE_SYSROOT} -print-file-name=rcrt1.o OUTPUT_VARIABLE static_pie_start
      OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(IS_ABSOLUTE "${static_pie_start}")
      add_link_options(-static-pie)
    else()
      add_link_options(-static -no-pie)
    endif()
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64") # relocations in a format that takes a twentieth; Debian 12's linker knows it here only
      add_link_options(-Wl,-z,pack-relative-relocs)
    endif()
  else()
    add_link_options(-pie)
  endif()
  add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.) # the same bits wherever the tree lies
endif()
if(HOLDFAST_WERROR)
  add_compile_options(-Werror)
endif()
if(HOLDFAST_SANITIZE)
  add_compile_options(-fsanitize=${HOLDFAST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HOLDFAST_SANITIZE})
endif()
if(HOLDFAST_FUZZ) # the modules need the instrumentation, the programs the driver
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(HOLDFAST_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# When these sources were: SOURCE_DATE_EPOCH (reproducible-builds.org), else the commit's date, else the last release's.
set(HOLDFAST_BUILD_DATE_S "$ENV{SOURCE_DATE_EPOCH}")
if(HOLDFAST_BUILD_DATE_S STREQUAL "")
  execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} log -1 --format=%ct OUTPUT_VARIABLE HOLDFAST_BUILD_DATE_S
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT HOLDFAST_BUILD_DATE_S MATCHES "^[1-9][0-9]+$")
  set(HOLDFAST_BUILD_DATE_S 1795132800) # 2026-11-20
endif()

# holdfast_module(NAME SOURCES a.c b.c [DEPENDS module...] [PRIVATE lib...])
# A static library holdfast_NAME. DEPENDS are modules of the same floor or below; PRIVATE are the
# wrapped libraries, which nothing above gets to see.
function(holdfast_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(holdfast_${name} STATIC ${arg_SOURCES})
  target_include_directories(holdfast_${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
  foreach(dep ${arg_DEPENDS})
    target_link_libraries(holdfast_${name} PUBLIC holdfast_${dep})
  endforeach()
  target_link_libraries(holdfast_${name} PRIVATE ${arg_PRIVATE})
endfunction()

# holdfast_daemon(NAME SOURCES ... DEPENDS ...): an executable of that name in bin/.
function(holdfast_daemon name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  foreach(dep ${arg_DEPENDS})
    target_link_libraries(${name} PRIVATE holdfast_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${arg_PRIVATE})
endfunction()

# holdfast_test(NAME SOURCES ... DEPENDS ... [LABELS unit] [TIMEOUT s] [FAULTS]): a cmocka program, its own
# process under ctest. FAULTS links tests/tools/failmalloc, which fails the nth allocation.
function(holdfast_test name)
  cmake_parse_arguments(arg "FAULTS" "TIMEOUT" "SOURCES;DEPENDS;PRIVATE;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 180) # a bound for hangs; sanitizers on a busy machine are slow
  endif()
  if(CMAKE_CROSSCOMPILING)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5") # emulated
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(arg_FAULTS)
    list(APPEND arg_LABELS faults)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  foreach(dep ${arg_DEPENDS})
    target_link_libraries(${name} PRIVATE holdfast_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${arg_PRIVATE} PkgConfig::cmocka)
  if(arg_FAULTS)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/tools/failmalloc.c)
    if(HOLDFAST_SANITIZE)
      set_property(SOURCE ${CMAKE_SOURCE_DIR}/tests/tools/failmalloc.c PROPERTY COMPILE_DEFINITIONS HOLDFAST_FAILMALLOC_WRAP)
      target_link_options(${name} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
    endif()
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()

# holdfast_fuzz(NAME SOURCES ... DEPENDS ...): LLVMFuzzerTestOneInput over tests/fuzz/corpus/NAME.
# Without HOLDFAST_FUZZ the corpus is replayed by ctest through a plain main().
function(holdfast_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(fuzz_${name} ${arg_SOURCES})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  foreach(dep ${arg_DEPENDS})
    target_link_libraries(fuzz_${name} PRIVATE holdfast_${dep})
  endforeach()
  if(HOLDFAST_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 600 LABELS fuzz)
  endif()
endfunction()

# holdfast_protobuf(OUT_SOURCES file.proto): protobuf-c sources under generated/<dir of the proto>.
function(holdfast_protobuf out proto)
  get_filename_component(stem ${proto} NAME_WE)
  file(RELATIVE_PATH rel ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(dir ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${dir}/${rel})
  add_custom_command(
    OUTPUT ${dir}/${rel}/${stem}.pb-c.c ${dir}/${rel}/${stem}.pb-c.h
    COMMAND ${PROTOC_C} --c_out=${dir} -I ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} VERBATIM)
  set_source_files_properties(${dir}/${rel}/${stem}.pb-c.c PROPERTIES COMPILE_OPTIONS "-w")
  set(${out} ${dir}/${rel}/${stem}.pb-c.c ${dir}/${rel}/${stem}.pb-c.h PARENT_SCOPE)
endfunction()
