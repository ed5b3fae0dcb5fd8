namespace Livebed.Grains.Contracts;

/// <summary>How a VM dies: whether its address space exits first (or not, or at the same time), and whether the destroyer runs in it.</summary>
public sealed record DestroyMessage(DestroyOrder Order, bool SharesAddressSpace);
