namespace Livebed.Grains.Contracts;

/// <summary>A VM that a host owns, and under which epoch.</summary>
public sealed record OwnedVm(string Vm, long Epoch);
