/** Openings travel in pieces, so that other messages of a connection wait for a quarter of a frame at most. Bytes of the largest one. */
export const pieceBytes = 256 * 1024
/** Most pieces of one answer; a specification whose openings might take more is refused. */
export const piecesLimit = 16
