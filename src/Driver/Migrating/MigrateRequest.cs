namespace Livebed.Driver.Migrating;

/// <summary>What `migrate` was asked for.</summary>
/// <param name="Cells">in the order of the table</param>
/// <param name="Seed">of every run</param>
/// <param name="OutputFolder">where the run folders are made</param>
/// <param name="Markdown">file that the table is written to; null for none</param>
/// <param name="Json">print JSON and nothing else</param>
internal sealed record MigrateRequest(IReadOnlyList<MigrateCell> Cells, long Seed, string OutputFolder, string? Markdown, bool Json);
