using Livebed.Driver.CampaignKeys;

namespace Livebed.Driver.Campaigns;

/// <summary>VMs that are destroyed and re-created.</summary>
public sealed record TeardownSettings
{
    /// <summary>Teardowns per second over all VMs.</summary>
    public double Rate { get; set; }

    public TeardownPath Path { get; set; } = TeardownPath.Both;

    /// <summary>Share of teardowns that fall between start and end of a range.</summary>
    public double InsideRange { get; set; } = 0.25;

    /// <summary>Share of teardowns with a destroyer that itself runs in the address space of the range.</summary>
    public double SharesAddressSpace { get; set; } = 0.5;

    internal static Section<TeardownSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<TeardownSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "VMs destroyed and re-created, over all VMs"),
        new ValueKey<TeardownSettings, TeardownPath>("path", ValueKinds.Enum<TeardownPath>(), s => s.Path, (s, v) => s.Path = v,
            "last reference to the VM dropped first, address space exits first, or drawn each time"),
        new ValueKey<TeardownSettings, double>("insideRange", ValueKinds.Share(), s => s.InsideRange, (s, v) => s.InsideRange = v,
            "share of teardowns between start and end of a range"),
        new ValueKey<TeardownSettings, double>(
            "sharesAddressSpace", ValueKinds.Share(), s => s.SharesAddressSpace, (s, v) => s.SharesAddressSpace = v,
            "share of teardowns whose destroyer shares the address space of that range"));
}

/// <summary>By which way a VM dies (kvm-protocol section 7).</summary>
public enum TeardownPath
{
    /// <summary>The last reference to the VM is dropped while its address space lives on.</summary>
    VmFirst,

    /// <summary>The address space exits, the VM finds its notifier released.</summary>
    MmFirst,

    /// <summary>Drawn for each teardown.</summary>
    Both,
}
