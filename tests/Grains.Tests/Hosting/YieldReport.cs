namespace Livebed.Grains.Tests.Hosting;

[GenerateSerializer, Immutable, Alias("Livebed.Tests.YieldReport")]
public sealed record YieldReport(bool OtherTurnRan, bool StayedOnScheduler, int Waits, long WaitMicroseconds);
