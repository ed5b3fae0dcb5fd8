using System.Buffers.Binary;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Qemu;

/// <summary>
/// A bare guest, as an image that QEMU boots by itself (multiboot, <c>-kernel</c>): 32-bit machine code without interrupts, paging or
/// devices. It finds a <see cref="ReplaySchedule"/> as its module, fills pages, measures how fast its time-stamp counter runs, says that it
/// is ready, and then writes pages when they are due, for ever. Each write is another value, so that a page that was not sent again shows.
/// </summary>
internal static class ReplayGuest
{
    /// <summary>Where it writes when it is ready: QEMU's debug console.</summary>
    public const byte ReadyByte = (byte)'R';

    private const uint LoadAddress = 0x100000;

    // Behind the code, and below the module: its variables, and the end of its stack.
    private const uint Variables = 0x108000;
    private const uint StackEnd = 0x110000;
    private const uint Ticks = Variables;
    private const uint Intervals = Variables + 4;
    private const uint NextLow = Variables + 8;
    private const uint NextHigh = Variables + 12;
    private const uint StepTicks = Variables + 16;
    private const uint Runs = Variables + 20;

    // The ACPI timer of QEMU's machine "pc": 3.579545 MHz, 24 bits.
    private const ushort TimerPort = 0x608;
    private const uint TimerMask = 0xffffff;
    private const uint TimerTicksOf100Milliseconds = 357_955;
    private const uint MicrosecondsOf100Milliseconds = 100_000;

    /// <summary>Where the pages of a trace may begin in a guest whose schedule has so many bytes: a whole MiB.</summary>
    public static uint MemoryAddress(long scheduleBytes)
    {
        const uint Mib = 1 << 20;
        // BIOS, image, module, and what QEMU puts behind it.
        return (uint)((StackEnd + scheduleBytes + 3 * Mib) / Mib * Mib);
    }

    public static byte[] Image()
    {
        const int HeaderBytes = 32;
        var code = new InstructionWriter().Emit(new byte[HeaderBytes]);
        Begin(code);
        Fill(code);
        Calibrate(code);
        Replay(code);
        var image = code.ToArray();
        const uint Magic = 0x1badb002;
        // Modules on page boundaries, and the addresses below instead of an ELF header.
        const uint Flags = 0x00010001;
        uint[] header =
        [
            Magic, Flags, unchecked(0 - Magic - Flags), LoadAddress, LoadAddress, LoadAddress + (uint)image.Length, StackEnd,
            LoadAddress + HeaderBytes,
        ];
        for (var word = 0; word < header.Length; word++)
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(word * sizeof(uint)), header[word]);
        return image;
    }

    /// <summary>esi: the schedule; ebp: where pages begin.</summary>
    private static void Begin(InstructionWriter code) => code
        .Emit(0xfa) // cli
        .Emit([0xbc], StackEnd) // mov esp, stack
        .Emit(0x8b, 0x73, 0x18).Emit(0x8b, 0x36) // mov esi, [ebx + 24]: mods_addr; mov esi, [esi]: mod_start
        .Emit(0x8b, 0x2e).Emit(0x83, 0xc6, 0x04); // mov ebp, [esi]; add esi, 4

    private static void Fill(InstructionWriter code) => code
        .Emit(0x8b, 0x0e).Emit(0x83, 0xc6, 0x04) // mov ecx, [esi]: runs; add esi, 4
        .Label("fill-run")
        .Emit(0x85, 0xc9).JumpIfZero("filled") // test ecx, ecx
        .Emit(0x8b, 0x3e).Emit(0x8b, 0x56, 0x04).Emit(0x83, 0xc6, 0x08) // mov edi, [esi]; mov edx, [esi + 4]; add esi, 8
        .Emit(0xc1, 0xe7, 0x0c).Emit(0x01, 0xef) // shl edi, 12; add edi, ebp
        .Label("fill-page")
        .Emit(0x89, 0x3f) // mov [edi], edi
        .Emit([0x81, 0xc7], 4096) // add edi, 4096
        .Emit(0x4a).JumpIfNotZero("fill-page") // dec edx
        .Emit(0x49).Jump("fill-run") // dec ecx
        .Label("filled");

    /// <summary>Ticks of the time-stamp counter in 100 ms, by the ACPI timer.</summary>
    private static void Calibrate(InstructionWriter code) => code
        .Emit(0x66, 0xba, TimerPort & 0xff, TimerPort >> 8) // mov dx, port
        .Emit(0xed).Emit(0x89, 0xc3) // in eax, dx; mov ebx, eax
        .Emit(0x0f, 0x31).Emit(0x89, 0xc7) // rdtsc; mov edi, eax
        .Emit(0x66, 0xba, TimerPort & 0xff, TimerPort >> 8)
        .Label("wait-timer")
        .Emit(0xed).Emit(0x29, 0xd8) // in eax, dx; sub eax, ebx
        .Emit([0x25], TimerMask) // and eax, mask
        .Emit([0x3d], TimerTicksOf100Milliseconds).JumpIfBelow("wait-timer") // cmp eax, ticks
        .Emit(0x0f, 0x31).Emit(0x29, 0xf8) // rdtsc; sub eax, edi
        .Emit([0xa3], Ticks) // mov [ticks], eax
        .Emit([0x89, 0x35], Intervals) // mov [intervals], esi
        .Emit(0xb0, ReadyByte).Emit(0x66, 0xba, 0xe9, 0x00).Emit(0xee) // mov al, 'R'; mov dx, 0xe9; out dx, al
        .Emit(0x0f, 0x31).Emit([0xa3], NextLow).Emit([0x89, 0x15], NextHigh) // rdtsc; mov [next], edx:eax
        .Emit(0x31, 0xdb); // xor ebx, ebx: what is written

    private static void Replay(InstructionWriter code) => code
        .Label("restart")
        .Emit([0x8b, 0x35], Intervals) // mov esi, [intervals]
        .Label("interval")
        .Emit(0x8b, 0x06).Emit(0x83, 0xf8, 0xff).JumpIfZero("restart") // mov eax, [esi]: microseconds; cmp eax, -1
        .Emit([0xf7, 0x25], Ticks) // mul dword [ticks]
        .Emit([0xb9], MicrosecondsOf100Milliseconds).Emit(0xf7, 0xf1) // mov ecx, 100000; div ecx: the interval in ticks
        .Emit([0xa3], StepTicks) // mov [step], eax
        .Emit(0x8b, 0x56, 0x04).Emit([0x89, 0x15], Runs) // mov edx, [esi + 4]; mov [runs], edx
        .Emit(0x8b, 0x4e, 0x08).Emit(0x83, 0xc6, 0x0c) // mov ecx, [esi + 8]: pages; add esi, 12
        .Emit(0x85, 0xc9).JumpIfNotZero("busy") // test ecx, ecx
        .Call("wait").Jump("interval")
        .Label("busy")
        .Emit(0x31, 0xd2).Emit(0xf7, 0xf1).Emit([0xa3], StepTicks) // xor edx, edx; div ecx; mov [step], eax
        .Label("run")
        .Emit([0x83, 0x3d], Runs).Emit(0x00).JumpIfZero("interval") // cmp dword [runs], 0
        .Emit([0xff, 0x0d], Runs) // dec dword [runs]
        .Emit(0x8b, 0x3e).Emit(0x8b, 0x4e, 0x04).Emit(0x83, 0xc6, 0x08) // mov edi, [esi]; mov ecx, [esi + 4]; add esi, 8
        .Emit(0xc1, 0xe7, 0x0c).Emit(0x01, 0xef) // shl edi, 12; add edi, ebp
        .Label("page")
        .Call("wait")
        .Emit(0x43).Emit(0x89, 0x1f) // inc ebx; mov [edi], ebx
        .Emit([0x81, 0xc7], 4096) // add edi, 4096
        .Emit(0x49).JumpIfNotZero("page") // dec ecx
        .Jump("run")
        // Until the next write is due; eax and edx are free.
        .Label("wait")
        .Emit([0xa1], StepTicks) // mov eax, [step]
        .Emit([0x01, 0x05], NextLow) // add [next], eax
        .Emit([0x83, 0x15], NextHigh).Emit(0x00) // adc dword [next + 4], 0
        .Label("spin")
        .Emit(0x0f, 0x31) // rdtsc
        .Emit([0x2b, 0x05], NextLow) // sub eax, [next]
        .Emit([0x1b, 0x15], NextHigh).JumpIfBelow("spin") // sbb edx, [next + 4]
        .Emit(0xc3); // ret
}
