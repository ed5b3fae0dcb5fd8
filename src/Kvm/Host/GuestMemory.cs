using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The memory bus between the vCPUs of one VM and the frames of their host, and its judge. Hardware would let a stale translation through.
/// Here each access is compared with the page table at that instant. S1: the PTE maps that frame. S12: a write needs a writable PTE. The
/// oracle: a read finds, in both words, the newest value written. An access that fails is reported and not performed. Called from vCPU
/// threads: everything it touches is guarded by the address space's bus lock, held for a bounded number of accesses. Simplified: a page's
/// content is judged by two words, its first and its last; the bus is sequentially consistent.
/// </summary>
public sealed class GuestMemory : IGuestMemory
{
    private const int AccessesPerHold = 256;

    private readonly HostState _host;
    private readonly AddressSpace _mm;

    internal GuestMemory(HostState host, AddressSpace mm)
    {
        _host = host;
        _mm = mm;
    }

    public ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0)
    {
        if (!_host.Fence.IsOpen) return ValueTask.FromResult(false);
        var batch = _host.Mutant == Mutant.LastAccessNotMade ? accesses.Span[..^1] : accesses.Span;
        var writes = 0L;
        for (var done = 0; done < batch.Length;)
        {
            Violation? violation;
            lock (_mm.Bus) done += ExecuteOnBus(batch[done..Math.Min(batch.Length, done + AccessesPerHold)], ref writes, out violation);
            if (violation is not null) _host.World.Observer.Violated(violation);
        }

        // Each access is judged twice: S1, then S12 for a write or the oracle for a read.
        _host.Counters.AddAccesses(accesses.Length - writes, writes, 2L * accesses.Length);
        return ValueTask.FromResult(true);
    }

    /// <summary>KVM's or the process's own store through the page table; false when the PTE does not allow it now.</summary>
    internal bool TryStore(Hva hva, ulong value)
    {
        lock (_mm.Bus)
        {
            if (_mm.Find(hva) is not { } vma) return false;
            var pte = vma.PteAt(hva);
            if (!pte.IsAccessible || !pte.IsWritable) return false;
            Write(vma, hva, pte.Pfn, value);
            return true;
        }
    }

    /// <summary>A device's store to a frame that it holds, whatever maps it now: the newest content of its page.</summary>
    internal void Store(Hva hva, Pfn pfn, ulong value)
    {
        lock (_mm.Bus)
            if (_mm.Find(hva) is { } vma)
                Write(vma, hva, pfn, value);
    }

    /// <returns>how many accesses were dealt with; when one was refused, up to and including that one</returns>
    private int ExecuteOnBus(ReadOnlySpan<GuestAccess> batch, ref long writes, out Violation? violation)
    {
        violation = null;
        Vma? vma = null;
        for (var i = 0; i < batch.Length; i++)
        {
            ref readonly var access = ref batch[i];
            if (vma is null || !vma.Contains(access.Hva)) vma = _mm.Find(access.Hva);
            var pte = vma is null ? Pte.None : vma.PteAt(access.Hva);
            if (access.Kind == GuestAccessKind.Write)
            {
                writes++;
                if (pte.Reaches(access.Pfn) && pte.IsWritable) Write(vma!, access.Hva, access.Pfn, access.Value);
                else violation = pte.Reaches(access.Pfn) ? ReadOnly(access, pte) : Stale(access, pte);
            }
            else if (!pte.Reaches(access.Pfn))
            {
                violation = Stale(access, pte);
            }
            else
            {
                var newest = vma!.NewestAt(access.Hva);
                var (first, last) = _host.Frames.Words(access.Pfn);
                if (first != newest || last != newest) violation = Outdated(access, newest, first, last);
            }

            if (violation is not null) return i + 1;
        }

        return batch.Length;
    }

    private void Write(Vma vma, Hva hva, Pfn pfn, ulong value)
    {
        _host.Frames.Stamp(pfn, value);
        vma.Written(hva, value);
    }

    private Violation Stale(in GuestAccess access, Pte pte) => new(
        Invariants.NoStaleTranslation,
        $"a guest {Word(access)} at {access.Gfn} goes to {access.Pfn}, but {access.Hva} of {_mm} is {pte}; "
            + $"that frame is {_host.Frames.Describe(access.Pfn)}",
        _mm.Name, access.Gfn, access.Hva, access.Pfn);

    private Violation ReadOnly(in GuestAccess access, Pte pte) => new(
        Invariants.Permission, $"a guest write at {access.Gfn} goes through a writable translation, but {access.Hva} of {_mm} is {pte}",
        _mm.Name, access.Gfn, access.Hva, access.Pfn);

    private Violation Outdated(in GuestAccess access, ulong newest, ulong first, ulong last) => new(
        Invariants.GuestMemory,
        $"a guest read at {access.Gfn} ({access.Hva} of {_mm}) finds 0x{first:x} and 0x{last:x} in {access.Pfn}, "
            + $"but the newest value written is 0x{newest:x}",
        _mm.Name, access.Gfn, access.Hva, access.Pfn);

    private static string Word(in GuestAccess access) => access.Kind == GuestAccessKind.Write ? "write" : "read";
}
