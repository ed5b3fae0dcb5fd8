namespace Livebed.Kvm.Migration;

/// <summary>What one migration may take of its link, in bytes a second over all channels; 0 for no bound of its own.</summary>
/// <param name="Max">QEMU's <c>max-bandwidth</c></param>
/// <param name="MaxPostcopy">QEMU's <c>max-postcopy-bandwidth</c>: what is pushed in the background in post-copy, in place of <paramref name="Max"/>; 0 leaves it at that. Pages that a
/// vCPU waits for are not pushed, and have <paramref name="Max"/></param>
public sealed record StreamBandwidth(long Max, long MaxPostcopy = 0);
