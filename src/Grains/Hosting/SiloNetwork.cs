using System.Net;

namespace Livebed.Grains.Hosting;

/// <summary>Where a silo listens, and where others are told to find it. All of it is loopback unless a setting says otherwise.</summary>
public sealed record SiloNetwork
{
    /// <summary>Of all the silo's listeners; 0.0.0.0 is every address of the machine.</summary>
    public IPAddress Listen { get; init; } = IPAddress.Loopback;

    /// <summary>What other silos and clients are told; null is <see cref="Listen"/>.</summary>
    public IPAddress? Advertise { get; init; }

    /// <summary>What sources of migrations are told; null is <see cref="Advertise"/>.</summary>
    public IPAddress? AdvertisePages { get; init; }

    public IPAddress Address => Advertise ?? Listen;
    public IPAddress PageAddress => AdvertisePages ?? Address;

    /// <summary>Other machines reach the silo.</summary>
    public bool IsPublic => !IPAddress.IsLoopback(Listen);

    /// <summary>What is wrong, as the user reads it; null when it can be.</summary>
    public string? Problem => IsAny(Address)
        ? $"{SiloArguments.Advertise}: is missing, and nothing can connect to {Address}; allowed: "
            + $"the address that others reach this silo at"
        : IsAny(PageAddress) ? $"{SiloArguments.AdvertisePages} {PageAddress}: nothing can connect to it; allowed: an address" : null;

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
