using Livebed.Kvm.Checks;

namespace Livebed.Grains.Contracts;

/// <summary>What a host is made of: frames and their size in bytes, and the bandwidth of its link to each other host in bytes a second, 0
/// for no limit.</summary>
public sealed record HostMessage(string Name, int Frames, int PageSize, Mutant? Mutant, long LinkBandwidth = 0);

/// <summary>A VM that a host owns, and under which epoch.</summary>
public sealed record OwnedVm(string Vm, long Epoch);

/// <summary>Where a host takes pages for one of its address spaces.</summary>
/// <param name="Address">of the silo that has the host</param>
/// <param name="Port">where that silo listens for pages</param>
/// <param name="Token">what a connection has to say first, or it is refused</param>
[GenerateSerializer]
[Immutable]
[Alias("livebed.page-endpoint")]
public readonly record struct PageEndpoint([property: Id(0)] string Address, [property: Id(1)] int Port, [property: Id(2)] Guid Token);
