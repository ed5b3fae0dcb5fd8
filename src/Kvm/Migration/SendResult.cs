namespace Livebed.Kvm.Migration;

/// <summary>What became of a batch, with the figures of QEMU's <c>ram</c> statistics.</summary>
/// <param name="Status">whether the destination has it</param>
/// <param name="Normal">pages sent with their content</param>
/// <param name="Duplicate">zero pages, of which only the address was sent</param>
/// <param name="Bytes">bytes on the wire, headers included</param>
/// <param name="LinkWaitMicroseconds">since the stream's last answer: for how long the link carried other streams while this one had something to send</param>
public readonly record struct SendResult(StreamStatus Status, int Normal, int Duplicate, long Bytes, long LinkWaitMicroseconds = 0);
