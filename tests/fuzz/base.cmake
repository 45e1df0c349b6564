foreach(subject json config)
  holdfast_fuzz(${subject} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${subject}.c DEPENDS base)
endforeach()
