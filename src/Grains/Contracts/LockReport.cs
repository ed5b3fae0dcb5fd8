using Livebed.Kvm.Locks;

namespace Livebed.Grains.Contracts;

/// <summary>Statistics of one lock class in one mode at one actor, since the actor began.</summary>
public sealed record LockReport(string Class, LockMode Mode, LockStatistics Statistics);
