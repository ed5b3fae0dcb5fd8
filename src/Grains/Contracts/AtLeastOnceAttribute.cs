namespace Livebed.Grains.Contracts;

/// <summary>
/// A call between machines that the protocol lets arrive twice, late and behind later ones: what it does it does once, and each answer is
/// good. A nemesis holds it to that. Calls within one machine do not have it: what KVM and a process ask of their host, and what a host
/// tells a VM, are function calls in a kernel. Commands of the driver have operation ids instead
/// (<see cref="Actors.RememberedResults{T}"/>).
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AtLeastOnceAttribute : Attribute;
