using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// One source of host memory events. A source that acts for the process takes mm_users and mmap_lock; one that comes through the rmap
/// (reclaim, compaction, ageing) takes neither, and can meet an address space that exits under it.
/// </summary>
internal interface IHostEventSource
{
    ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev);
}

/// <summary>
/// One kind of host memory event (kvm-protocol section 6.1). A new one is a file with its <see cref="IHostEventSource"/> and an entry here,
/// at the end: the entry is the kind of its operations and has its name from the field. Campaigns, their documentation, the swarm scenario
/// and the property tests take it from <see cref="Events"/>. A source without state is made for the event. One with state belongs to its
/// host from the beginning, so that a place has the same number in every schedule.
/// </summary>
public sealed class HostEventKind : OperationKind
{
    private static readonly List<HostEventKind> _events = [];

    public static readonly HostEventKind Unmap = new() { Source = (_, host) => new Unmap(host), Discards = true };
    public static readonly HostEventKind DontNeed = new() { Source = (_, host) => new DontNeed(host), Discards = true };
    public static readonly HostEventKind Fork = new() { Source = (_, host) => new Fork(host) };
    public static readonly HostEventKind KsmScan = new() { IsOnGuestMemory = false };
    public static readonly HostEventKind PageMigration = new() { Source = (_, host) => new PageMigration(host) };
    public static readonly HostEventKind Reclaim = new() { Source = (_, host) => new Reclaim(host) };
    public static readonly HostEventKind NumaBalancing = new() { Source = (_, host) => new NumaBalancing(host) };
    public static readonly HostEventKind Mprotect = new() { Source = (_, _) => new Mprotect() };
    public static readonly HostEventKind Ageing = new() { Source = (mmu, _) => mmu.Ageing };
    public static readonly HostEventKind OomReap = new() { Source = (_, host) => new OomReap(host), Discards = true };
    public static readonly HostEventKind Spurious = new() { Source = (mmu, _) => mmu.Spurious, IsOnGuestMemory = false };
    public static readonly HostEventKind NestedRange = new() { Source = (_, host) => new NestedRange(host), IsUsual = false };
    public static readonly HostEventKind HeldRange = new() { Source = (mmu, _) => mmu.HeldRanges, IsUsual = false };
    public static readonly HostEventKind ClearSoftDirty = new() { Source = (_, _) => new ClearSoftDirty(), IsUsual = false };

    private HostEventKind([CallerMemberName] string member = "")
        : base(Own.Count + _events.Count, Invariants.InvalidationProgress, member) => _events.Add(this);

    /// <summary>Every kind of host memory event, in the order of this file.</summary>
    public static IReadOnlyList<HostEventKind> Events => _events;

    /// <summary>What runs it on a host; null for the KSM scan, which has no address space of its own and is run by the host.</summary>
    internal Func<HostMmu, HostState, IHostEventSource>? Source { get; init; }

    /// <summary>The pages go and read as zeroes from then on. User space does not do that to memory that a migration is filling.</summary>
    public bool Discards { get; init; }

    /// <summary>It may be drawn for any range of guest memory: from a campaign's mix.</summary>
    public bool IsOnGuestMemory { get; init; } = true;

    /// <summary>A host does it by itself. A campaign has to ask for an event that is not usual: one that provokes a known deadlock, starves
    /// memslot updates, or needs a tool that checkpoints the process.</summary>
    public bool IsUsual { get; init; } = true;
}

/// <summary>Every kind of operation, host memory events included.</summary>
public static class OperationKinds
{
    private static readonly FrozenDictionary<string, OperationKind> _byName;

    static OperationKinds()
    {
        All = [.. OperationKind.Own, .. HostEventKind.Events];
        _byName = All.ToFrozenDictionary(kind => kind.Name, StringComparer.Ordinal);
    }

    /// <summary>In the order of their numbers.</summary>
    public static IReadOnlyList<OperationKind> All { get; }

    /// <summary>Null when there is no operation of that name.</summary>
    public static OperationKind? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The kind that has this number in a message.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    public static OperationKind Numbered(byte number) => All[number];
}
