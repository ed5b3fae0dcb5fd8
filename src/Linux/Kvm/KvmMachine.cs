using System.Runtime.InteropServices;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// A VM of the real KVM, its vCPUs and the memory that its memslots lie on; all of it goes when it is disposed, or with the process. Calls
/// return 0 or the error number of the system call. Not for several threads at once, but for the accesses of vCPUs, one
/// thread for each.
/// </summary>
public sealed unsafe class KvmMachine : IDisposable
{
    public const uint LogDirtyPages = 1;
    public const uint ReadOnly = 2;

    private readonly int _fd = -1;
    private readonly List<KvmVcpu> _vcpus = [];
    private readonly ScriptMemory _memory;
    private readonly ScriptMemory _code;
    private readonly ForkedChild _child = new();
    private readonly KvmMachineOptions _options;

    /// <exception cref="KvmException">KVM does not make it, or has not what the options need.</exception>
    public KvmMachine(KvmDevice device, KvmMachineOptions options)
    {
        _options = options;
        _memory = new ScriptMemory(options.Pages, options.Backing);
        _code = new ScriptMemory(1, KvmBacking.Private);
        try
        {
            _fd = Libc.Ioctl(device.Fd, KvmIoctl.CreateVm, null);
            if (_fd < 0) throw KvmException.Last("a VM cannot be made");
            if (options.Log is KvmLog.Manual or KvmLog.InitiallySet)
                Enable(KvmCapability.ManualDirtyLogProtect2, options.Log == KvmLog.Manual ? 1UL : 3UL);
            if (options.Log == KvmLog.Ring) EnableRings(device, options.RingEntries);
            KvmVcpu.WriteCode(new Span<byte>((void*)_code.AddressOf(0), ScriptMemory.PageBytes));
            if (Set(options.CodeSlot, KvmVcpu.CodeGfn, 1, _code.AddressOf(0), 0) != 0)
                throw KvmException.Last("the memslot of the guest's code cannot be made");
            for (var index = 0; index < options.Vcpus; index++)
                _vcpus.Add(new KvmVcpu(device, _fd, index, options.Log == KvmLog.Ring ? options.RingEntries : 0));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal int Fd => _fd;

    internal int VcpuFd(int vcpu) => _vcpus[vcpu].Fd;

    internal ulong AddressOf(long page) => _memory.AddressOf(page);

    /// <summary>KSM is on, so that <see cref="Merge"/> does something.</summary>
    public static bool IsMergingOn => ScriptMemory.IsMergingOn;

    /// <summary>KVM_SET_USER_MEMORY_REGION.</summary>
    /// <param name="slot">id</param>
    /// <param name="gfn">first guest page</param>
    /// <param name="pages">0 to delete it</param>
    /// <param name="at">page of this machine's memory</param>
    /// <param name="flags"><see cref="LogDirtyPages"/>, <see cref="ReadOnly"/></param>
    public int SetSlot(int slot, long gfn, long pages, long at, uint flags) => Set(slot, gfn, pages, _memory.AddressOf(at), flags);

    /// <summary>KVM_GET_DIRTY_LOG.</summary>
    /// <param name="slot">id</param>
    /// <param name="pages">is filled with pages of the slot</param>
    public int GetDirtyLog(int slot, List<long> pages)
    {
        var words = stackalloc ulong[WordsMax];
        new Span<ulong>(words, WordsMax).Clear();
        var log = new DirtyLog { Slot = (uint)slot, Bitmap = (ulong)words };
        var error = Call(KvmIoctl.GetDirtyLog, &log);
        for (var page = 0; error == 0 && page < WordsMax * 64; page++)
            if ((words[page / 64] >> (page % 64) & 1) != 0) pages.Add(page);
        return error;
    }

    /// <summary>KVM_CLEAR_DIRTY_LOG.</summary>
    /// <param name="slot">id</param>
    /// <param name="first">page of the slot</param>
    /// <param name="pages">how many</param>
    /// <param name="isCleared">whether the bit of a page of the slot is to be cleared</param>
    public int ClearDirtyLog(int slot, long first, uint pages, Func<long, bool> isCleared)
    {
        var words = stackalloc ulong[WordsMax];
        new Span<ulong>(words, WordsMax).Clear();
        for (var page = 0; page < Math.Min(pages, WordsMax * 64); page++)
            if (isCleared(first + page)) words[page / 64] |= 1UL << (page % 64);
        var log = new ClearedLog { Slot = (uint)slot, Pages = pages, First = (ulong)first, Bitmap = (ulong)words };
        return Call(KvmIoctl.ClearDirtyLog, &log);
    }

    /// <summary>Resets that ended before all that was harvested had been reset, and were gone on with.</summary>
    public long ResetsCutShort { get; private set; }

    /// <summary>Harvests every ring, and KVM_RESET_DIRTY_RINGS, which says how many entries it has reset: a signal can end it early since
    /// Linux 6.16. It is called until all are.</summary>
    /// <param name="entries">is filled with what was harvested</param>
    /// <param name="before">is called right before the first reset</param>
    public int ResetRings(List<KvmRingEntry> entries, Action? before = null)
    {
        const int CallsMax = 10_000;
        if (_options.Log == KvmLog.Ring)
            foreach (var vcpu in _vcpus) vcpu.Harvest(entries);
        var left = entries.Count;
        before?.Invoke();
        for (var calls = 0; calls < CallsMax; calls++)
        {
            var reset = Libc.Ioctl(_fd, KvmIoctl.ResetDirtyRings, null);
            if (reset < 0 && Libc.LastError != KvmError.Interrupted) return Libc.LastError;
            left -= Math.Max(0, reset);
            if (left <= 0) return 0;
            ResetsCutShort++;
        }

        return KvmError.Again;
    }

    public KvmExit Write(int vcpu, long gfn, uint value) => _vcpus[vcpu].Write(gfn, value);

    /// <inheritdoc cref="KvmVcpu.LeaveForPort"/>
    public void LeaveForPort(int vcpu, int times) => _vcpus[vcpu].LeaveForPort(times);

    public KvmExit Read(int vcpu, long gfn, out uint value) => _vcpus[vcpu].Read(gfn, out value);

    /// <inheritdoc cref="ScriptMemory.Write"/>
    public int UserWrite(long at, uint value) => _memory.Write(at, value);

    /// <inheritdoc cref="ScriptMemory.Read"/>
    public uint UserRead(long at, int offset = 0) => _memory.Read(at, offset);

    public int DontNeed(long at, long pages) => _memory.DontNeed(at, pages);

    public int Unmap(long at, long pages) => _memory.Unmap(at, pages);

    public int Map(long at, long pages) => _memory.Map(at, pages);

    public int Move(long at, long pages, long to) => _memory.Move(at, pages, to);

    public int Protect(long at, long pages, bool isWritable) => _memory.Protect(at, pages, isWritable);

    /// <inheritdoc cref="ForkedChild.Run"/>
    public int Fork() => _child.Run();

    /// <inheritdoc cref="ScriptMemory.Merge"/>
    public int Merge(CancellationToken stop) => _memory.Merge(stop);

    public void Dispose()
    {
        foreach (var vcpu in _vcpus) vcpu.Dispose();
        if (_fd >= 0) _ = Libc.Close(_fd);
        _memory.Dispose();
        _code.Dispose();
        _child.Dispose();
    }

    /// <summary>Words of the largest memslot's bitmap.</summary>
    private int WordsMax => (int)((_options.Pages + 63) / 64);

    private int Set(int slot, long gfn, long pages, ulong address, uint flags)
    {
        var region = new MemoryRegion
        {
            Slot = (uint)slot,
            Flags = flags,
            GuestAddress = (ulong)gfn << 12,
            Bytes = (ulong)pages << 12,
            Address = address,
        };
        return Call(KvmIoctl.SetUserMemoryRegion, &region);
    }

    private void EnableRings(KvmDevice device, int entries)
    {
        const ulong EntryBytes = 16;
        var rings = device.Extension(KvmCapability.DirtyLogRing) > 0 ? KvmCapability.DirtyLogRing : KvmCapability.DirtyLogRingAcqRel;
        Enable(rings, (ulong)entries * EntryBytes);
    }

    private void Enable(KvmCapability capability, ulong argument)
    {
        var request = stackalloc ulong[13];
        new Span<ulong>(request, 13).Clear();
        *(uint*)request = (uint)capability;
        request[1] = argument;
        if (Libc.Ioctl(_fd, KvmIoctl.EnableCapability, (void*)request) < 0)
            throw KvmException.Last($"this KVM does not have {capability} with {argument}");
    }

    private int Call(nuint request, void* argument) => Libc.Ioctl(_fd, request, argument) < 0 ? Libc.LastError : 0;

    /// <summary><c>struct kvm_userspace_memory_region</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MemoryRegion
    {
        public uint Slot;
        public uint Flags;
        public ulong GuestAddress;
        public ulong Bytes;
        public ulong Address;
    }

    /// <summary><c>struct kvm_dirty_log</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct DirtyLog
    {
        public uint Slot;
        private readonly uint _padding;
        public ulong Bitmap;
    }

    /// <summary><c>struct kvm_clear_dirty_log</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ClearedLog
    {
        public uint Slot;
        public uint Pages;
        public ulong First;
        public ulong Bitmap;
    }
}

/// <summary>A machine to be made.</summary>
/// <param name="Log">how dirty pages are tracked</param>
/// <param name="Vcpus">how many</param>
/// <param name="Pages">of memory</param>
/// <param name="Backing">what memory it is</param>
/// <param name="CodeSlot">id of the memslot with the guest's code</param>
/// <param name="RingEntries">of each vCPU's dirty ring, a power of two</param>
public sealed record KvmMachineOptions(KvmLog Log, int Vcpus, int Pages, KvmBacking Backing, int CodeSlot, int RingEntries);

/// <summary>What memory memslots lie on.</summary>
public enum KvmBacking
{
    /// <summary>Private anonymous pages.</summary>
    Private,

    /// <summary>A file in memory, mapped shared.</summary>
    Shared,

    /// <summary>The same, of huge pages of 2 MiB, which the machine must have reserved.</summary>
    Hugetlb,
}

/// <summary>How a machine tracks dirty pages.</summary>
public enum KvmLog
{
    Bitmap,

    /// <summary>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2.</summary>
    Manual,

    /// <summary>The same with KVM_DIRTY_LOG_INITIALLY_SET.</summary>
    InitiallySet,

    /// <summary>KVM_CAP_DIRTY_LOG_RING.</summary>
    Ring,
}
