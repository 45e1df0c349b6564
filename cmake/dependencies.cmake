# Every outside library, each a Debian package (12 and 13) and each used behind one wrapper.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
if(HOLDFAST_MINIMAL) # Debian's archives, not its shared libraries
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  set(uv_package libuv-static) # its archive has another name than its shared library
else()
  set(uv_package libuv)
endif()
pkg_check_modules(jsonc REQUIRED IMPORTED_TARGET json-c)      # base/json
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)     # base/config
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)   # cache/
if(HOLDFAST_MINIMAL)
  target_link_libraries(PkgConfig::sqlite3 INTERFACE m)
endif()
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET ${uv_package}) # net/loop, net/stream
pkg_check_modules(nghttp2 REQUIRED IMPORTED_TARGET libnghttp2) # net/grpc
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(protobufc REQUIRED IMPORTED_TARGET libprotobuf-c) # tunnel/, edge-hub/pods
if(NOT HOLDFAST_MINIMAL)
  pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)   # tests/
endif()
find_program(PROTOC_C NAMES protoc-c REQUIRED)

# mbedTLS 2.28 (Debian 12) ships no pkg-config file; 3.6 (Debian 13) does.
find_path(MBEDTLS_INCLUDE_DIR mbedtls/ssl.h REQUIRED)
foreach(lib mbedtls mbedx509 mbedcrypto)
  find_library(${lib}_LIBRARY ${lib} REQUIRED)
  add_library(holdfast::${lib} UNKNOWN IMPORTED)
  set_target_properties(holdfast::${lib} PROPERTIES IMPORTED_LOCATION ${${lib}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${MBEDTLS_INCLUDE_DIR})
endforeach()
add_library(holdfast::tls INTERFACE IMPORTED) # net/tls, net/crypt, auth/authority
target_link_libraries(holdfast::tls INTERFACE holdfast::mbedtls holdfast::mbedx509 holdfast::mbedcrypto)
# mbedtls_ssl_session holds a time_t. On 32 bits its size is what the distribution built the library with, which is what the
# compiler does by itself (Debian 12: 32 bits, Debian 13: 64), and not what _TIME_BITS=64 asks for elsewhere.
function(holdfast_time_of_library) # SOURCES that include mbedTLS; they keep no time_t of their own
  if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -U_TIME_BITS)
  endif()
endfunction()

# HTTP/1.1 parser: llhttp where packaged (Debian 13), http-parser otherwise (Debian 12).
pkg_check_modules(llhttp QUIET IMPORTED_TARGET libllhttp)
add_library(holdfast::http1 INTERFACE IMPORTED) # net/http1
if(llhttp_FOUND)
  target_link_libraries(holdfast::http1 INTERFACE PkgConfig::llhttp)
  target_compile_definitions(holdfast::http1 INTERFACE HOLDFAST_HAVE_LLHTTP)
else()
  find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
  target_link_libraries(holdfast::http1 INTERFACE ${HTTP_PARSER_LIBRARY})
endif()

# auth/tpm2: headers only, the libraries are loaded when a TPM is used.
find_path(TSS2_INCLUDE_DIR tss2/tss2_esys.h)
if(TSS2_INCLUDE_DIR AND NOT HOLDFAST_MINIMAL) # a static program loads no libraries
  set(tpm2_default ON)
else()
  set(tpm2_default OFF)
endif()
option(HOLDFAST_TPM2 "Seal the vault's key by a TPM 2.0 where there is one" ${tpm2_default})
