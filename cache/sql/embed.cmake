# cmake -DIN=x.sql -DOUT=x.c -DNAME=sql_x -P embed.cmake: the file as a NUL-terminated array of bytes.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
get_filename_component(source ${IN} NAME)
file(WRITE ${OUT} "/* made from ${source} */\n#include \"cache/sql.h\"\n\nconst char ${NAME}[] = {\n${bytes}0x00\n};\n")
