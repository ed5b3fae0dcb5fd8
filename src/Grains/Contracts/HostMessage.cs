using Livebed.Kvm.Mutants;

namespace Livebed.Grains.Contracts;

/// <summary>What a host is made of: frames and their size in bytes, and the bandwidth of its link to each other host in bytes a second, 0 for no limit.</summary>
public sealed record HostMessage(string Name, int Frames, int PageSize, Mutant Mutant, long LinkBandwidth = 0);
