using Livebed.Kvm.Guests;

namespace Livebed.Explorer.Scenarios;

/// <summary>One thing that an actor does: a call into the model, or, for a vCPU, an access of its guest.</summary>
/// <param name="Text">for a person: "dont-need page 0"</param>
/// <param name="Run">the call; null for a guest's access</param>
/// <param name="Access">the access; null for a call</param>
/// <param name="StartsInHost">whether the call begins in the host (a memory event) or in the VM (an ioctl)</param>
public sealed record PlannedOperation(string Text, Func<Stage, ValueTask>? Run, GuestOperation? Access, bool StartsInHost);
