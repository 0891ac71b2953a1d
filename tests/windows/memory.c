/* Virtual memory: protection, guard pages, generated and changed code, file mappings shared by name and with a file. */
#include "test.h"

typedef int (*function)(void);
static NOINLINE void touch(volatile char *p) { *p = 1; }

int main(void)
{
    MEMORY_BASIC_INFORMATION info;
    DWORD old;
    char *p = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE, PAGE_NOACCESS);

    CHECK(p && !((ULONG_PTR)p & 0xffff));
    CHECK(VirtualAlloc(p + 0x10000, 0x2000, MEM_COMMIT, PAGE_READWRITE) == p + 0x10000);
    CHECK(VirtualQuery(p + 0x10000, &info, sizeof info) && info.State == MEM_COMMIT && info.RegionSize == 0x2000);
    CHECK(VirtualQuery(p, &info, sizeof info) && info.State == MEM_RESERVE && info.RegionSize == 0x10000);
    memset(p + 0x10000, 1, 0x2000);
    CHECK(VirtualFree(p + 0x10000, 0x1000, MEM_DECOMMIT));
    CHECK(VirtualAlloc(p + 0x10000, 0x1000, MEM_COMMIT, PAGE_READWRITE) && !p[0x10000] && p[0x11000] == 1);

    CHECK(VirtualProtect(p + 0x11000, 1, PAGE_READWRITE | PAGE_GUARD, &old) && old == PAGE_READWRITE);
    CHECK(VirtualQuery(p + 0x11000, &info, sizeof info) && info.Protect == (PAGE_READWRITE | PAGE_GUARD));

    DWORD code_seen = 0; /* a guard page is one once */
    for (int i = 0; i < 2; i++) {
        __try {
            touch(p + 0x11000);
        } __except (code_seen = GetExceptionCode(), EXCEPTION_EXECUTE_HANDLER) {
            CHECK(i == 0 && code_seen == STATUS_GUARD_PAGE_VIOLATION, "%lx", (unsigned long)code_seen);
        }
    }
    CHECK(code_seen);
    CHECK(VirtualQuery(p + 0x11000, &info, sizeof info) && info.Protect == PAGE_READWRITE);

    char *code = VirtualAlloc(NULL, 0x2000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    int sum = 0;
    for (unsigned i = 0; i < 500; i++) {
        generate(code, i);
        FlushInstructionCache(GetCurrentProcess(), code, 8);
        sum += ((function)code)();
    }
    CHECK(sum == 499 * 500 / 2, "%d", sum);
    for (unsigned i = 0; i < 50; i++) { /* written while not executable */
        CHECK(VirtualProtect(code, 0x1000, PAGE_READWRITE, &old) && (i == 0 || old == PAGE_EXECUTE_READ));
        generate(code, 1000 + i);
        CHECK(VirtualProtect(code, 0x1000, PAGE_EXECUTE_READ, &old) && old == PAGE_READWRITE);
        FlushInstructionCache(GetCurrentProcess(), code, 8);
        CHECK(((function)code)() == 1000 + (int)i);
    }
    VirtualFree(code, 0, MEM_RELEASE);

    HANDLE m = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE, 0, 0x10000, L"demotic-test");
    HANDLE again = OpenFileMappingW(SECTION_MAP_READ | SECTION_MAP_EXECUTE, FALSE, L"demotic-test");
    char *w = MapViewOfFile(m, FILE_MAP_WRITE, 0, 0, 0), *x = MapViewOfFile(again, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0);
    CHECK(w);
    CHECK(x && w != x);
    for (unsigned i = 0; i < 50; i++) { /* two views of the same code */
        generate(w, 2000 + i);
        FlushInstructionCache(GetCurrentProcess(), x, 8);
        CHECK(((function)x)() == 2000 + (int)i);
    }
    UnmapViewOfFile(w);
    UnmapViewOfFile(x);

    HANDLE f = CreateFileW(L"mapped.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(f != INVALID_HANDLE_VALUE);
    m = CreateFileMappingW(f, NULL, PAGE_READWRITE, 0, 100000, NULL);
    w = MapViewOfFile(m, FILE_MAP_WRITE, 0, 65536, 1000);
    CHECK(m && w);
    strcpy(w, "through the mapping");
    CHECK(FlushViewOfFile(w, 0));
    char text[32] = "";
    CHECK(SetFilePointer(f, 65536, NULL, FILE_BEGIN) == 65536 && ReadFile(f, text, 20, &old, NULL) &&
          !strcmp(text, "through the mapping"));
    CHECK(GetFileSize(f, NULL) == 100000);
    UnmapViewOfFile(w);
    CloseHandle(m);
    CloseHandle(f);
    return done();
}
