namespace Livebed.Driver.Campaigns;

/// <summary>VMs that die and are made anew.</summary>
public sealed record TeardownSettings
{
    /// <summary>Teardowns per second over all VMs.</summary>
    public double Rate { get; set; }

    public TeardownPath Path { get; set; } = TeardownPath.Both;

    /// <summary>Share of teardowns that fall between start and end of a range.</summary>
    public double InsideRange { get; set; } = 0.25;

    /// <summary>Share of teardowns whose destroyer itself runs in the address space that the range belongs to.</summary>
    public double SharesAddressSpace { get; set; } = 0.5;
}
