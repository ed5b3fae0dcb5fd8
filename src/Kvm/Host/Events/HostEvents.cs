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

/// <summary>One kind of host memory event as data.</summary>
/// <param name="Kind">its name and number</param>
public sealed record HostEventEntry(OperationKind Kind)
{
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

/// <summary>
/// Every kind of host memory event. A new one is a file with its <see cref="IHostEventSource"/>, a member of <see cref="OperationKind"/>
/// and an entry here, at the end. Campaigns, their documentation, the swarm scenario and the property tests take it from this list. A
/// source without state is made for the event. One with state belongs to its host from the beginning, so that a place has the same number
/// in every schedule.
/// </summary>
public static class HostEvents
{
    public static IReadOnlyList<HostEventEntry> All { get; } =
    [
        new(OperationKind.Unmap) { Source = (_, host) => new Unmap(host), Discards = true },
        new(OperationKind.DontNeed) { Source = (_, host) => new DontNeed(host), Discards = true },
        new(OperationKind.Fork) { Source = (_, host) => new Fork(host) },
        new(OperationKind.KsmScan) { IsOnGuestMemory = false },
        new(OperationKind.PageMigration) { Source = (_, host) => new PageMigration(host) },
        new(OperationKind.Reclaim) { Source = (_, host) => new Reclaim(host) },
        new(OperationKind.NumaBalancing) { Source = (_, host) => new NumaBalancing(host) },
        new(OperationKind.Mprotect) { Source = (_, _) => new Mprotect() },
        new(OperationKind.Ageing) { Source = (mmu, _) => mmu.Ageing },
        new(OperationKind.OomReap) { Source = (_, host) => new OomReap(host), Discards = true },
        new(OperationKind.Spurious) { Source = (mmu, _) => mmu.Spurious, IsOnGuestMemory = false },
        new(OperationKind.NestedRange) { Source = (_, host) => new NestedRange(host), IsUsual = false },
        new(OperationKind.HeldRange) { Source = (mmu, _) => mmu.HeldRanges, IsUsual = false },
        new(OperationKind.ClearSoftDirty) { Source = (_, _) => new ClearSoftDirty(), IsUsual = false },
    ];

    private static readonly HostEventEntry?[] _byKind = [
        .. Enum.GetValues<OperationKind>().Select(kind => All.FirstOrDefault(entry => entry.Kind == kind))];

    /// <summary>Null for a kind that is no host memory event.</summary>
    public static HostEventEntry? Find(OperationKind kind) => _byKind[(int)kind];
}
