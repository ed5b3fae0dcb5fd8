namespace Livebed.Grains.Contracts;

/// <summary>Where a host takes pages for one of its address spaces.</summary>
/// <param name="Address">of the silo that has the host</param>
/// <param name="Port">where that silo listens for pages</param>
/// <param name="Token">what a connection has to say first, or it is refused</param>
[GenerateSerializer]
[Immutable]
[Alias("livebed.page-endpoint")]
public readonly record struct PageEndpoint([property: Id(0)] string Address, [property: Id(1)] int Port, [property: Id(2)] Guid Token);
