using Livebed.Kvm.Mutants;

namespace Livebed.Grains.Contracts;

/// <summary>What a host is made of: frames and their size in bytes.</summary>
public sealed record HostMessage(string Name, int Frames, int PageSize, Mutant Mutant);
