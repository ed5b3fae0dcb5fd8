using System.Buffers.Binary;
using System.Runtime.Versioning;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Tests;

/// <summary>
/// A program of a few instructions that writes so many pages at each tick of a clock, one after the other through its memory and again from
/// the start, and ends. It has no runtime and no libc, so it writes to nothing else.
/// </summary>
/// <param name="PagesPerTick">written at each tick</param>
/// <param name="TickMicroseconds">from one to the next</param>
/// <param name="Ticks">how many</param>
/// <param name="MemoryPages">of its memory; more than a recording's interval writes, or pages are written twice in one</param>
[SupportedOSPlatform("linux")]
internal sealed record PacedProgram(int PagesPerTick, int TickMicroseconds, int Ticks, int MemoryPages)
{
    private const uint CodeAddress = 0x400000;
    private const uint MemoryAddress = 0x10000000;
    private const int HeaderBytes = 64 + 2 * 56;
    private const uint Second = 1_000_000_000;
    private const uint Delay = 300_000_000;
    private const uint LastDelay = 900_000_000;

    public long PageWrites => (long)PagesPerTick * Ticks;

    /// <summary>Writes it to a file that can be started.</summary>
    public string WriteTo(string path)
    {
        var code = Code();
        var file = new byte[HeaderBytes + code.Length];
        WriteHeader(file, code.Length);
        code.CopyTo(file, HeaderBytes);
        File.WriteAllBytes(path, file);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        return path;
    }

    private byte[] Code()
    {
        var code = new InstructionWriter()
            .Emit(0x48, 0x83, 0xec, 0x10) // sub rsp, 16: the next time
            .Emit([0x41, 0xbc], MemoryAddress) // mov r12d, memory
            .Emit(0x45, 0x31, 0xed) // xor r13d, r13d: page
            .Emit([0x41, 0xbe], (uint)Ticks) // mov r14d, ticks
            .Emit(0x45, 0x31, 0xff); // xor r15d, r15d: what is written
        Now(code);
        Later(code, Delay, "begin");
        code.Label("tick");
        Sleep(code, "tick");
        code.Emit([0xbb], (uint)PagesPerTick) // mov ebx, pages
            .Label("page")
            .Emit(0x49, 0xff, 0xc7) // inc r15
            .Emit(0x4c, 0x89, 0xe8).Emit(0x48, 0xc1, 0xe0, 0x0c) // mov rax, r13; shl rax, 12
            .Emit(0x4d, 0x89, 0x3c, 0x04) // mov [r12 + rax], r15
            .Emit(0x49, 0xff, 0xc5) // inc r13
            .Emit([0x49, 0x81, 0xfd], (uint)MemoryPages) // cmp r13, pages of the memory
            .JumpIfBelow("next")
            .Emit(0x45, 0x31, 0xed) // xor r13d, r13d
            .Label("next")
            .Emit(0xff, 0xcb) // dec ebx
            .JumpIfNotZero("page");
        Later(code, (uint)TickMicroseconds * 1000, "ticked");
        code.Emit(0x41, 0xff, 0xce).JumpIfNotZero("tick"); // dec r14d
        // However late the last write was, the program is there for a while behind it.
        Now(code);
        Later(code, LastDelay, "end");
        code.Label("last");
        Sleep(code, "last");
        return code.Emit([0xb8], 60).Emit(0x31, 0xff).Emit(0x0f, 0x05).ToArray(); // exit(0)
    }

    /// <summary>clock_gettime(CLOCK_MONOTONIC, rsp).</summary>
    private static void Now(InstructionWriter code) => code
        .Emit([0xb8], 228).Emit([0xbf], 1).Emit(0x48, 0x89, 0xe6).Emit(0x0f, 0x05);

    /// <summary>Puts the next time off.</summary>
    private static void Later(InstructionWriter code, uint nanoseconds, string label) => code
        .Emit([0x48, 0x81, 0x44, 0x24, 0x08], nanoseconds) // add qword [rsp + 8], nanoseconds
        .Emit([0x48, 0x81, 0x7c, 0x24, 0x08], Second) // cmp qword [rsp + 8], a second
        .JumpIfBelow(label)
        .Emit([0x48, 0x81, 0x6c, 0x24, 0x08], Second) // sub qword [rsp + 8], a second
        .Emit(0x48, 0xff, 0x04, 0x24) // inc qword [rsp]
        .Label(label);

    /// <summary>clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, rsp, 0), once more where a signal ended it.</summary>
    private static void Sleep(InstructionWriter code, string label) => code
        .Emit([0xb8], 230).Emit([0xbf], 1).Emit([0xbe], 1).Emit(0x48, 0x89, 0xe2).Emit(0x45, 0x31, 0xd2).Emit(0x0f, 0x05)
        .Emit(0x85, 0xc0).JumpIfNotZero(label);

    /// <summary>An ELF file with two segments: code, and memory that is zero.</summary>
    private void WriteHeader(byte[] file, int codeBytes)
    {
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(file);
        Put(16, 2, 2); // executable
        Put(18, 62, 2); // x86-64
        Put(20, 1, 4);
        Put(24, CodeAddress + HeaderBytes, 8); // entry
        Put(32, 64, 8); // program headers
        Put(52, 64, 2);
        Put(54, 56, 2);
        Put(56, 2, 2);
        Segment(64, flags: 5, 0, CodeAddress, HeaderBytes + codeBytes, HeaderBytes + codeBytes);
        Segment(120, flags: 6, 0, MemoryAddress, 0, (long)MemoryPages * 4096);

        void Segment(int at, int flags, long offset, long address, long fileBytes, long memoryBytes)
        {
            Put(at, 1, 4);
            Put(at + 4, flags, 4);
            Put(at + 8, offset, 8);
            Put(at + 16, address, 8);
            Put(at + 24, address, 8);
            Put(at + 32, fileBytes, 8);
            Put(at + 40, memoryBytes, 8);
            Put(at + 48, 4096, 8);
        }

        void Put(int at, long value, int bytes)
        {
            Span<byte> number = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
            number[..bytes].CopyTo(file.AsSpan(at));
        }
    }
}
