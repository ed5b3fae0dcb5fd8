using Livebed.Driver.CampaignKeys;
using Livebed.Kvm.Host.Events;

namespace Livebed.Driver.Campaigns;

/// <summary>Host memory events: ranges that the mm announces to its notifiers (kvm-protocol section 6.1).</summary>
public sealed record HostEventSettings
{
    /// <summary>The kinds that <see cref="Mix"/> weighs.</summary>
    private static readonly IReadOnlyList<HostEventKind> _events = [.. HostEventKind.Events.Where(entry => entry.IsOnGuestMemory)];

    /// <summary>Ranges per second over all VMs.</summary>
    public double Rate { get; set; }

    /// <summary>Share of ranges over memory outside of every memslot.</summary>
    public double SpuriousShare { get; set; } = 0.5;

    public int MaxPages { get; set; } = 16;

    /// <summary>Time between start and end of a range.</summary>
    public TimeSpan Hold { get; set; } = TimeSpan.FromMicroseconds(100);

    /// <summary>A second subscriber of every address space, a device driver, answers -EAGAIN to non-blockable ranges, so that reaping
    /// fails.</summary>
    public bool RefusesNonBlockable { get; set; }

    public SortedDictionary<string, double> Mix { get; set; } = new(
        _events.ToDictionary(entry => entry.Name, entry => entry.IsUsual ? 1.0 : 0), StringComparer.Ordinal);

    internal static Section<HostEventSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<HostEventSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "ranges over all VMs, from `invalidate_range_start` to `_end`"),
        new ValueKey<HostEventSettings, double>("spuriousShare", ValueKinds.Share(), s => s.SpuriousShare, (s, v) => s.SpuriousShare = v,
            "share of ranges over memory of the VM's process that no memslot covers"),
        new ValueKey<HostEventSettings, int>("maxPages", ValueKinds.Integer("pages", 1, 65_536), s => s.MaxPages, (s, v) => s.MaxPages = v,
            "longest range; lengths are drawn evenly from 1"),
        new ValueKey<HostEventSettings, TimeSpan>(
            "hold", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromSeconds(1)), s => s.Hold, (s, v) => s.Hold = v,
            "how long the mm works between start and end"),
        new ValueKey<HostEventSettings, bool>(
            "refusesNonBlockable", ValueKinds.Flag(), s => s.RefusesNonBlockable, (s, v) => s.RefusesNonBlockable = v,
            "a device driver in every VM's process answers -EAGAIN to non-blockable ranges, so that the OOM reaper gives up"),
        new TableKey<HostEventSettings, double>("mix", [.. _events.Select(entry => entry.Name)], ValueKinds.Number(
            "weight", 0, 1_000), s => s.Mix,
            _ => "weight of this kind among the ranges that are not spurious"));
}
