namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary>
/// The files of /sys/kernel/mm/ksm, and the number of merges and unmerges, which the kernel does not count.
/// </summary>
/// <param name="PagesShared">KSM pages in use</param>
/// <param name="PagesSharing">further mappings of them: what is saved</param>
/// <param name="PagesUnshared">pages that are unique as far as this scan knows</param>
/// <param name="PagesVolatile">pages that changed too fast to be looked up</param>
/// <param name="FullScans">times that all mergeable memory was scanned</param>
/// <param name="PagesScanned">pages looked at</param>
/// <param name="Merges">pages repointed to a shared page</param>
/// <param name="Unmerges">mappings of shared pages that a write broke</param>
public readonly record struct KsmCounters(
    long PagesShared, long PagesSharing, long PagesUnshared, long PagesVolatile, long FullScans, long PagesScanned, long Merges, long Unmerges);
