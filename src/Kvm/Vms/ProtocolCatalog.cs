using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Notifiers.Protocols;

namespace Livebed.Kvm.Vms;

/// <summary>
/// The protocol presets by name, as `livebed list protocols` prints them and campaigns choose them. A protocol decides what
/// <c>range_start</c>, <c>range_end</c>, memslot installation, the retry check and destroy do (kvm-protocol sections 2.1 to 2.5).
/// </summary>
public static class ProtocolCatalog
{
    public const string Unconditional = "unconditional";
    public const string HvaRange = "hva-range";
    public const string Rwsem = "rwsem";
    public const string RwsemUnfair = "rwsem-unfair";
    public const string ActiveCount = "active-count";
    public const string GfnRange = "gfn-range";

    public static IReadOnlyList<ProtocolEntry> All { get; } =
    [
        new(Unconditional, "mmu_lock and count on every notification: kernels up to 5.11, and the reviewer's alternative",
            context => new UnconditionalProtocol(context, useHull: false)),
        new(HvaRange, "the same, with the hva hull of active ranges so that faults outside of it need not retry: 5.12",
            context => new UnconditionalProtocol(context, useHull: true)),
        new(Rwsem, "fair mmu_notifier_slots_lock held from start to end, mmu_lock elided when no memslot overlaps, "
            + "re-initialised at destroy: the seed",
            context => new RwsemProtocol(context, fair: true)),
        new(RwsemUnfair, "the same with recursive readers, which a queued writer does not block",
            context => new RwsemProtocol(context, fair: false)),
        new(ActiveCount, "mn_active_invalidate_count, spinlock and rcuwait, mmu_lock elided when no memslot overlaps: what was merged, "
            + "5.15",
            context => new ActiveCountProtocol(context, recent: false)),
        new(GfnRange, "the same with the gfn hull, unlocked pre-checks, no change_pte and lockless ageing: recent kernels",
            context => new ActiveCountProtocol(context, recent: true)),
    ];

    private static readonly Dictionary<string, ProtocolEntry> _byName = All.ToDictionary(entry => entry.Name, StringComparer.Ordinal);

    /// <summary>Finds a protocol by its name; null when there is none.</summary>
    public static ProtocolEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <exception cref="ArgumentException">No preset has that name.</exception>
    public static IInvalidationProtocol Create(string name, ProtocolContext context) =>
        (Find(name) ?? throw new ArgumentException($"unknown protocol '{name}'; allowed: {string.Join(", ", _byName.Keys)}", nameof(name)))
            .Create(context);
}

/// <summary>One protocol preset.</summary>
/// <param name="Name">as the command line and campaigns say it</param>
/// <param name="Summary">what it does, in a line</param>
/// <param name="Create">makes it for a VM</param>
public sealed record ProtocolEntry(string Name, string Summary, Func<ProtocolContext, IInvalidationProtocol> Create);
