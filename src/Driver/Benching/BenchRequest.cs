namespace Livebed.Driver.Benching;

/// <summary>What `bench migrate` was asked for, checked.</summary>
internal sealed record BenchRequest
{
    /// <summary>Bytes of guest memory that are moved: whole pages.</summary>
    public required long Memory { get; init; }

    public required int PageSize { get; init; }
    public required int Channels { get; init; }

    /// <summary>Migrations that are measured, one after the other.</summary>
    public required int Moves { get; init; }

    public required bool Json { get; init; }

    public long Pages => Memory / PageSize;
}
