using System.Runtime.InteropServices;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// A vCPU in protected mode without paging, which runs one of three pieces of code at a time: store a word and leave, load a word and
/// leave, or leave again and again. It is used by one thread at a time.
/// </summary>
internal sealed unsafe class KvmVcpu : IDisposable
{
    /// <summary>Where the code lies: guest address, and offsets of the pieces.</summary>
    public const long CodeGfn = 0xfff00;
    private const uint CodeAddress = 0xfff00000;
    private const uint LoadOffset = 16;
    private const uint LeaveOffset = 32;

    /// <summary>KVM_DIRTY_LOG_PAGE_OFFSET.</summary>
    private const int RingPageOffset = 64;

    private const int ExitReasonOffset = 8;
    private const int MmioDataOffset = 40;
    private const int RunsMax = 1_000;

    private const uint ExitIo = 2;
    private const uint ExitMmio = 6;
    private const uint ExitRingFull = 31;

    private const int EntryBytes = 16;
    private const uint EntryIsDirty = 1;
    private const uint EntryIsReset = 2;

    private readonly int _fd;
    private readonly nuint _runBytes;
    private readonly byte* _run;
    private readonly byte* _ring;
    private readonly int _entries;
    private long _fetched;

    /// <exception cref="KvmException">KVM does not make it.</exception>
    public KvmVcpu(KvmDevice device, int vm, int index, int ringEntries)
    {
        _fd = Libc.Ioctl(vm, KvmIoctl.CreateVcpu, (void*)index);
        if (_fd < 0) throw KvmException.Last($"vCPU {index} cannot be made");
        _runBytes = (nuint)Libc.Ioctl(device.Fd, KvmIoctl.GetVcpuMapSize, null);
        _run = Map(_runBytes, 0, "its run area");
        _entries = ringEntries;
        if (ringEntries > 0) _ring = Map((nuint)(ringEntries * EntryBytes), RingPageOffset * Environment.SystemPageSize, "its dirty ring");
        SetSpecialRegisters();
    }

    internal int Fd => _fd;

    /// <summary>The pieces of code: <c>mov [ebx], eax; out 0x10, al</c>, <c>mov eax, [ebx]; out 0x10, al</c>, and
    /// <c>l: out 0x10, al; jmp l</c>.</summary>
    public static void WriteCode(Span<byte> page)
    {
        ReadOnlySpan<byte> store = [0x89, 0x03, 0xe6, 0x10];
        ReadOnlySpan<byte> load = [0x8b, 0x03, 0xe6, 0x10];
        ReadOnlySpan<byte> leave = [0xe6, 0x10, 0xeb, 0xfc];
        store.CopyTo(page);
        leave.CopyTo(page[(int)LeaveOffset..]);
        load.CopyTo(page[(int)LoadOffset..]);
    }

    /// <summary>Stores a value in the first word of a guest page.</summary>
    public KvmExit Write(long gfn, uint value) => Access(gfn, value, CodeAddress, out _);

    /// <summary>Loads the first word of a guest page.</summary>
    public KvmExit Read(long gfn, out uint value) => Access(gfn, 0, CodeAddress + LoadOffset, out value);

    /// <summary>Enters the guest so many times, which leaves for a port each time.</summary>
    /// <exception cref="KvmException">It leaves for something else.</exception>
    public void LeaveForPort(int times)
    {
        var registers = new Registers { Flags = 2, InstructionPointer = CodeAddress + LeaveOffset };
        if (Libc.Ioctl(_fd, KvmIoctl.SetRegisters, (void*)(&registers)) < 0) throw KvmException.Last("a vCPU does not take its registers");
        for (var left = times; left > 0;)
        {
            if (Libc.Ioctl(_fd, KvmIoctl.Run, null) < 0)
            {
                if (Libc.LastError is KvmError.Interrupted or KvmError.Again) continue;
                throw KvmException.Last("KVM_RUN fails");
            }

            if (*(uint*)(_run + ExitReasonOffset) != ExitIo)
                throw new KvmException($"KVM_RUN leaves with exit reason {*(uint*)(_run + ExitReasonOffset)}, which nothing here makes");
            left--;
        }
    }

    /// <summary>Entries that the kernel has put into the ring since the last call, each marked as harvested.</summary>
    public void Harvest(List<KvmRingEntry> into)
    {
        for (var left = _entries; left > 0; left--)
        {
            var entry = _ring + _fetched % _entries * EntryBytes;
            ref var flags = ref *(uint*)entry;
            if (Volatile.Read(ref flags) != EntryIsDirty) return;
            into.Add(new KvmRingEntry(*(int*)(entry + 4), *(long*)(entry + 8)));
            Volatile.Write(ref flags, EntryIsReset);
            _fetched++;
        }
    }

    public void Dispose()
    {
        if (_ring is not null) _ = Libc.Unmap((nint)_ring, (nuint)(_entries * EntryBytes));
        if (_run is not null) _ = Libc.Unmap((nint)_run, _runBytes);
        _ = Libc.Close(_fd);
    }

    private KvmExit Access(long gfn, uint value, uint code, out uint loaded)
    {
        var registers = new Registers { Flags = 2, InstructionPointer = code, Rbx = (ulong)gfn << 12, Rax = value };
        loaded = 0;
        if (Libc.Ioctl(_fd, KvmIoctl.SetRegisters, (void*)(&registers)) < 0) throw KvmException.Last("a vCPU does not take its registers");
        var isMmio = false;
        for (var runs = 0; runs < RunsMax; runs++)
        {
            if (Libc.Ioctl(_fd, KvmIoctl.Run, null) < 0)
            {
                var error = Libc.LastError;
                if (error is KvmError.Interrupted or KvmError.Again) continue;
                return error == KvmError.Fault ? KvmExit.Fault : throw KvmException.Last("KVM_RUN fails");
            }

            var reason = *(uint*)(_run + ExitReasonOffset);
            switch (reason)
            {
                case ExitRingFull:
                    return KvmExit.RingFull;
                case ExitMmio:
                    // The access ends with the next KVM_RUN; registers must not be set before.
                    isMmio = true;
                    *(ulong*)(_run + MmioDataOffset) = 0;
                    break;
                case ExitIo:
                    if (Libc.Ioctl(_fd, KvmIoctl.GetRegisters, (void*)(&registers)) < 0)
                        throw KvmException.Last("a vCPU does not give its registers");
                    loaded = (uint)registers.Rax;
                    return isMmio ? KvmExit.Mmio : KvmExit.Done;
                default:
                    throw new KvmException($"KVM_RUN leaves with exit reason {reason}, which nothing here makes");
            }
        }

        throw new KvmException($"an access of the guest is not over after {RunsMax} KVM_RUN");
    }

    private byte* Map(nuint bytes, nint offset, string what)
    {
        var address = Libc.Map(0, bytes, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapShared, _fd, offset);
        return address == -1 ? throw KvmException.Last($"a vCPU does not share {what}") : (byte*)address;
    }

    /// <summary>Protected mode, flat segments, no paging.</summary>
    private void SetSpecialRegisters()
    {
        const int SegmentBytes = 24;
        const int ControlOffset = 224;
        const ulong ProtectionEnable = 1;
        var registers = stackalloc byte[312];
        if (Libc.Ioctl(_fd, KvmIoctl.GetSpecialRegisters, (void*)registers) < 0)
            throw KvmException.Last("a vCPU does not give its special registers");
        for (var segment = 0; segment < 6; segment++)
        {
            var isCode = segment == 0;
            *(Segment*)(registers + segment * SegmentBytes) = new Segment
            {
                Limit = 0xffffffff,
                Selector = (ushort)(isCode ? 8 : 16),
                Type = (byte)(isCode ? 11 : 3),
                Present = 1,
                Is32Bit = 1,
                IsNotSystem = 1,
                CountsPages = 1,
            };
        }

        *(ulong*)(registers + ControlOffset) |= ProtectionEnable;
        if (Libc.Ioctl(_fd, KvmIoctl.SetSpecialRegisters, (void*)registers) < 0)
            throw KvmException.Last("a vCPU does not take its special registers");
    }

    /// <summary><c>struct kvm_regs</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Registers
    {
        public ulong Rax;
        public ulong Rbx;
        private readonly ulong _rcx, _rdx, _rsi, _rdi, _rsp, _rbp, _r8, _r9, _r10, _r11, _r12, _r13, _r14, _r15;
        public ulong InstructionPointer;
        public ulong Flags;
    }

    /// <summary><c>struct kvm_segment</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Segment
    {
        public ulong Base;
        public uint Limit;
        public ushort Selector;
        public byte Type, Present, Privilege, Is32Bit, IsNotSystem, Is64Bit, CountsPages, Available, IsUnusable, Padding;
    }
}

/// <summary>How an access of the guest ended.</summary>
public enum KvmExit
{
    Done,

    /// <summary>No memslot there, or a write to a read-only one.</summary>
    Mmio,

    /// <summary>KVM_RUN fails with EFAULT: the host refuses the page.</summary>
    Fault,

    /// <summary>KVM_EXIT_DIRTY_RING_FULL.</summary>
    RingFull,
}

/// <summary>An entry of a dirty ring: address space and id of the memslot, and its page.</summary>
public readonly record struct KvmRingEntry(int Slot, long Page);

/// <summary>Error numbers that are told apart.</summary>
internal static class KvmError
{
    public const int Interrupted = 4;
    public const int Again = 11;
    public const int Fault = 14;
}
