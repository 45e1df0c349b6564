foreach(subject json config walltime)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS base)
endforeach()
