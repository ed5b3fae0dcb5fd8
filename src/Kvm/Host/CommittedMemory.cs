using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// Memory that a host has promised to its processes (Committed_AS) and may promise (CommitLimit): <c>__vm_enough_memory</c>, mm/util.c,
/// under OVERCOMMIT_NEVER. A host that is nearly full refuses a process before that has a page. Otherwise a guest would run and find no
/// frame, and in post-copy it would be lost. Without a limit, which is the default, a host promises what is asked for, and its frames may
/// run out. Simplified: the areas of a process are promised as a whole when it begins, and given back when its address space is gone.
/// </summary>
internal sealed class CommittedMemory(HostState host)
{
    private Tracked<long> _limit = new(host.World, long.MaxValue);

    /// <summary>Promised now.</summary>
    public long Pages => host.AddressSpaces.Sum(mm => mm.Vmas.Sum(vma => vma.Range.Pages));

    /// <summary>Other programs have all of the host's memory but that, and but what its processes were promised.</summary>
    public void LimitTo(long left) => _limit.Value = Pages + left;

    /// <summary>They have gone.</summary>
    public void Unlimit() => _limit.Value = long.MaxValue;

    /// <summary>Whether a process with so many pages can begin; -ENOMEM otherwise.</summary>
    public bool HasRoomFor(long pages) => _limit.Value == long.MaxValue || Pages + pages <= _limit.Value;
}
