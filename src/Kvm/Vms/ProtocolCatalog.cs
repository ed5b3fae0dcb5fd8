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
        new(Unconditional, "mmu_lock and count on every notification: kernels up to 5.11, and the reviewer's alternative"),
        new(HvaRange, "the same, with the hva hull of active ranges so that faults outside of it need not retry: 5.12"),
        new(Rwsem, "fair mmu_notifier_slots_lock held from start to end, mmu_lock elided when no memslot overlaps, "
            + "re-initialised at destroy: the seed"),
        new(RwsemUnfair, "the same with recursive readers, which a queued writer does not block"),
        new(ActiveCount, "mn_active_invalidate_count, spinlock and rcuwait, mmu_lock elided when no memslot overlaps: what was merged, "
            + "5.15"),
        new(GfnRange, "the same with the gfn hull, unlocked pre-checks, no change_pte and lockless ageing: recent kernels"),
    ];

    /// <summary>Finds a protocol by its name; null when there is none.</summary>
    public static ProtocolEntry? Find(string name) => All.FirstOrDefault(entry => entry.Name == name);
}

/// <summary>One protocol preset: its command-line name and what it does, in a line.</summary>
public sealed record ProtocolEntry(string Name, string Summary);

/// <summary>Makes a protocol by its preset's name (design section 4.5).</summary>
public static class ProtocolFactory
{
    private static readonly Dictionary<string, Func<ProtocolContext, IInvalidationProtocol>> Presets = new(StringComparer.Ordinal)
    {
        ["unconditional"] = context => new UnconditionalProtocol(context, useHull: false),
        ["hva-range"] = context => new UnconditionalProtocol(context, useHull: true),
        ["rwsem"] = context => new RwsemProtocol(context, fair: true),
        ["rwsem-unfair"] = context => new RwsemProtocol(context, fair: false),
        ["active-count"] = context => new ActiveCountProtocol(context, recent: false),
        ["gfn-range"] = context => new ActiveCountProtocol(context, recent: true),
    };

    public static IReadOnlyCollection<string> Names => Presets.Keys;

    /// <exception cref="ArgumentException">No preset has that name.</exception>
    public static IInvalidationProtocol Create(string name, ProtocolContext context) =>
        Presets.TryGetValue(name, out var create)
            ? create(context)
            : throw new ArgumentException($"unknown protocol '{name}'; allowed: {string.Join(", ", Presets.Keys)}", nameof(name));
}
