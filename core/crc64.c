#include "core/crc64.h"

/* What a byte leaves in the register is linear in its bits: the entry of each byte is the XOR of
 * the entries of its bits. So the compiler makes the tables from the powers of x alone: the first
 * number below is the polynomial, each further one the register after one more step (shift right;
 * if a one fell out, XOR the polynomial). Slice k is what a byte leaves k bytes later. */
#define XOR_1(v, b0) (v), ((v) ^ (b0))
#define XOR_2(v, b1, b0) XOR_1(v, b0), XOR_1((v) ^ (b1), b0)
#define XOR_3(v, b2, b1, b0) XOR_2(v, b1, b0), XOR_2((v) ^ (b2), b1, b0)
#define XOR_4(v, b3, b2, b1, b0) XOR_3(v, b2, b1, b0), XOR_3((v) ^ (b3), b2, b1, b0)
#define XOR_5(v, b4, b3, b2, b1, b0) XOR_4(v, b3, b2, b1, b0), XOR_4((v) ^ (b4), b3, b2, b1, b0)
#define XOR_6(v, b5, ...) XOR_5(v, __VA_ARGS__), XOR_5((v) ^ (b5), __VA_ARGS__)
#define XOR_7(v, b6, ...) XOR_6(v, __VA_ARGS__), XOR_6((v) ^ (b6), __VA_ARGS__)
#define XOR_8(v, b7, ...) XOR_7(v, __VA_ARGS__), XOR_7((v) ^ (b7), __VA_ARGS__)
#define SLICE(...)                      \
    {                                   \
        XOR_8(UINT64_C(0), __VA_ARGS__) \
    }

static const uint64_t slices[8][256] = {
    SLICE(0xC96C5795D7870F42, 0x64B62BCAEBC387A1, 0xFB374270A266CC92, 0x7D9BA13851336649,
          0xF7A18709FF1EBC66, 0x7BD0C384FF8F5E33, 0xF4843657A840A05B, 0xB32E4CBE03A75F6F),
    SLICE(0x90FB71CAD654A0F5, 0x8111EF70BCAD5F38, 0x4088F7B85E56AF9C, 0x20447BDC2F2B57CE,
          0x10223DEE1795ABE7, 0xC17D4962DC4DDAB1, 0xA9D2F324B9A1E21A, 0x54E979925CD0F10D),
    SLICE(0xE318EB5CF9EF77C4, 0x718C75AE7CF7BBE2, 0x38C63AD73E7BDDF1, 0xD50F4AFE48BAE1BA,
          0x6A87A57F245D70DD, 0xFC2F852A45A9B72C, 0x7E17C29522D4DB96, 0x3F0BE14A916A6DCB),
    SLICE(0xD6E9A7309F3239A7, 0xA218840D981E1391, 0x986015931B88068A, 0x4C300AC98DC40345,
          0xEF7452F111650EE0, 0x77BA297888B28770, 0x3BDD14BC445943B8, 0x1DEE8A5E222CA1DC),
    SLICE(0x0EF7452F111650EE, 0x077BA297888B2877, 0xCAD186DE13C29B79, 0xAC0494FADE6642FE,
          0x56024A7D6F33217F, 0xE26D72AB601E9FFD, 0xB85AEEC0678840BC, 0x5C2D776033C4205E),
    SLICE(0x2E16BBB019E2102F, 0xDE670A4DDB760755, 0xA65FD2B33A3C0CE8, 0x532FE9599D1E0674,
          0x2997F4ACCE8F033A, 0x14CBFA566747819D, 0xC309AABEE424CF8C, 0x6184D55F721267C6),
    SLICE(0x30C26AAFB90933E3, 0xD10D62C20B0396B3, 0xA1EAE6F4D206C41B, 0x999924EFBE846D4F,
          0x85A0C5E208C539E5, 0x8BBC3564D3E593B0, 0x45DE1AB269F2C9D8, 0x22EF0D5934F964EC),
    SLICE(0x117786AC9A7CB276, 0x08BBC3564D3E593B, 0xCD31B63EF11823DF, 0xAFF48C8AAF0B1EAD,
          0x9E9611D080028014, 0x4F4B08E84001400A, 0x27A584742000A005, 0xDABE95AFC7875F40),
};

static uint64_t step(uint64_t crc, const unsigned char *byte)
{
    return (crc >> 8) ^ slices[0][(crc ^ *byte) & 0xFF];
}

static uint64_t step_8(uint64_t crc, const unsigned char *bytes)
{
    for (int i = 0; i < 8; i++)
        crc ^= (uint64_t)bytes[i] << 8 * i;
    uint64_t next = 0;
    for (int i = 0; i < 8; i++)
        next ^= slices[7 - i][crc >> 8 * i & 0xFF];
    return next;
}

uint64_t crc64_update(uint64_t crc, struct span bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t left = bytes.size;
    crc = ~crc;
    for (; left >= 8; left -= 8, at += 8)
        crc = step_8(crc, at);
    for (; left > 0; left--, at++)
        crc = step(crc, at);
    return ~crc;
}
